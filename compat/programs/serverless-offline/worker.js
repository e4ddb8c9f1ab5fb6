// Starts the framework in the folder that it was installed in, which holds its settings.
process.chdir(__dirname);
process.argv.push("offline", "start");
require("serverless/bin/serverless");
