"""The command line: options in, one public call, a short result out."""
