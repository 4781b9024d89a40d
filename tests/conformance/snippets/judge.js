// Has the function of the documentation judge every case of a file.

const { readFileSync } = require("node:fs");

// HERE

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
const wrong = cases.filter(
  ({ secret, headers, body, now, genuine }) => verify(secret, headers, Buffer.from(body), now) !== genuine,
);
if (wrong.length > 0) throw new Error(`misjudged in JavaScript: ${wrong.map(({ what }) => what)}`);
console.log(`${cases.length} judged rightly in JavaScript`);
