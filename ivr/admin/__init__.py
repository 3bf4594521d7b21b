"""What the commands do, a file for each subject; each wakes the process that must hear of it."""
