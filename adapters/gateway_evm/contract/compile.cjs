// Compiles RecordRegister.sol beside this file with solc from npm and prints the artefact:
//   NODE_PATH=<folder with node_modules> node compile.cjs
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const name = "RecordRegister";
const file = `${name}.sol`;
const settings = {
  evmVersion: "paris",
  optimizer: { enabled: true, runs: 10000 },
  viaIR: false,
  metadata: { bytecodeHash: "none", appendCBOR: false },
};
const input = {
  language: "Solidity",
  sources: { [file]: { content: fs.readFileSync(path.join(__dirname, file), "utf8") } },
  settings: {
    ...settings,
    outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
  },
};
const output = JSON.parse(solc.compile(JSON.stringify(input)));
const told = (output.errors || []).filter((each) => each.severity === "error" || each.severity === "warning");
if (told.length > 0) {
  process.stderr.write(told.map((each) => each.formattedMessage).join("\n") + "\n");
  process.exit(1);
}
const made = output.contracts[file][name];
process.stdout.write(
  JSON.stringify({
    contract: name,
    compiler: solc.version(),
    settings,
    abi: made.abi,
    bytecode: made.evm.bytecode.object,
    runtime: made.evm.deployedBytecode.object,
  }),
);
