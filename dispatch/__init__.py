"""From event to air: plan, gates, route and the worker that sends."""
