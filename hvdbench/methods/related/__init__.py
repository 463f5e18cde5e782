"""Methods of related tasks, whole: their trainings, and what is made with them."""
