/** DOMException: the error of the web platform, told apart by `name`. */
import { hasOwn, setPrototypeOf } from "./primordials";
import { constants, idl } from "./webidl";

const NAMES = [
  "IndexSizeError", "DOMStringSizeError", "HierarchyRequestError", "WrongDocumentError", "InvalidCharacterError",
  "NoDataAllowedError", "NoModificationAllowedError", "NotFoundError", "NotSupportedError", "InUseAttributeError",
  "InvalidStateError", "SyntaxError", "InvalidModificationError", "NamespaceError", "InvalidAccessError",
  "ValidationError", "TypeMismatchError", "SecurityError", "NetworkError", "AbortError", "URLMismatchError",
  "QuotaExceededError", "TimeoutError", "InvalidNodeTypeError", "DataCloneError",
];
/** Constants that stand on the class though no exception carries their code any more. */
const RETIRED = ["DOMStringSizeError", "NoDataAllowedError", "ValidationError"];
const CONSTANTS =
  "INDEX_SIZE_ERR DOMSTRING_SIZE_ERR HIERARCHY_REQUEST_ERR WRONG_DOCUMENT_ERR INVALID_CHARACTER_ERR NO_DATA_ALLOWED_ERR " +
  "NO_MODIFICATION_ALLOWED_ERR NOT_FOUND_ERR NOT_SUPPORTED_ERR INUSE_ATTRIBUTE_ERR INVALID_STATE_ERR SYNTAX_ERR " +
  "INVALID_MODIFICATION_ERR NAMESPACE_ERR INVALID_ACCESS_ERR VALIDATION_ERR TYPE_MISMATCH_ERR SECURITY_ERR NETWORK_ERR " +
  "ABORT_ERR URL_MISMATCH_ERR QUOTA_EXCEEDED_ERR TIMEOUT_ERR INVALID_NODE_TYPE_ERR DATA_CLONE_ERR";

const codes: Record<string, number> = {};
NAMES.forEach((name, at) => { if (!RETIRED.includes(name)) codes[name] = at + 1; });

const { captureStackTrace } = Error as unknown as { captureStackTrace(error: object, below: Function): void };

export class DOMException {
  #name: string;
  #message: string;

  constructor(message: string = "", name: string = "Error") {
    this.#message = `${message}`;
    this.#name = `${name}`;
    captureStackTrace(this, DOMException);
  }

  get name(): string { return this.#name; }
  get message(): string { return this.#message; }
  get code(): number { return hasOwn(codes, this.#name) ? codes[this.#name]! : 0; }
}
setPrototypeOf(DOMException.prototype, Error.prototype);
idl(DOMException, "DOMException");
constants(DOMException, Object.fromEntries(CONSTANTS.split(" ").map((name, at) => [name, at + 1])));
