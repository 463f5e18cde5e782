"""What films state of their colours, and how their pixels become RGB."""
