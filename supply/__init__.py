"""What we are built of: known weaknesses, licences and the bill of materials of the locked packages."""
