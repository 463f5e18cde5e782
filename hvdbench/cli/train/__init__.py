"""Commands that train methods and manage weights."""
