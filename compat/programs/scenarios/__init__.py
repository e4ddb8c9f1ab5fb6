"""What programs are put through: one file for each kind of program."""
