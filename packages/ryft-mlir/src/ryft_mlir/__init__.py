"""ryft_mlir."""
