"""Control flow: primitives that hold programs, and the functions that trace bodies into them."""
