"""Networks that speak Ethereum's JSON-RPC, with the contract `RecordRegister` as the office's register."""
