"""Extensions of PJRT, one module each. What a plugin does not have raises `UnimplementedError`."""
