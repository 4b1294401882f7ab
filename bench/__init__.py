"""Measurements beside the budgets of the design: `python -m bench`. They print; they never assert."""
