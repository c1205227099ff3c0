"""The NumPy-like surface: functions on arrays, named as in NumPy."""
