"""What stands between the two colours and the engine and belongs to neither colour alone."""
