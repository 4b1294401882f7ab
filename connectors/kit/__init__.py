"""What several systems share: asking, scanning, mapping, webhooks, parcels, calendars, buses. It knows no system."""
