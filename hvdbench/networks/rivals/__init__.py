"""Networks of rival methods, with the key names of their published weights where there are any."""
