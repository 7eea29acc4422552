"""For a class: the students' folder, marks that can be trusted, and what is told about them."""
