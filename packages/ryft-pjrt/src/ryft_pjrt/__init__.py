"""ryft_pjrt."""
