module millstream/ledger

go 1.21
