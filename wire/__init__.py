"""What connectors and gateways share when they meet outside bytes: signatures, reading, HTTP."""
