"""ryft_core."""
