"""Languages other than Python: a recipe for each toolchain, in `recipes`, and one engine that follows them."""
