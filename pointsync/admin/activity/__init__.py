"""System › Activity: deliveries, attempts and background tasks."""
