"""The memory of Tidings: the only place that speaks SQL."""
