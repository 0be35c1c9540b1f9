"""What can be learned of golden parts, behind one interface: the bank, and baselines to compare it with."""
