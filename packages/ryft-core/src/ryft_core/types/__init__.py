"""Types: data types, sizes, shapes, layouts, and the types of arrays."""
