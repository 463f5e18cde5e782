"""Programs that try to break hvdbench: with damaged files, and by killing it at any moment."""
