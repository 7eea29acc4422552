"""What runs beside students' code: it holds no expected value, no comparison, no score, no secret."""
