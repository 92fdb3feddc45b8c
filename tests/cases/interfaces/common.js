const fs = require('fs');
// Reads it.
function read(path) { return 1 }
const helper = async (a) => { };
module.exports = { read };
exports.z = 3
console.log("x")
