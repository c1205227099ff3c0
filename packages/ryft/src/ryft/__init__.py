"""ryft."""
