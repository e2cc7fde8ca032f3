/** Request and FormData, and the forms of a body that FormData brings. */
export { FormData, makeFormData } from "./form_data";
export { decodeFormData, encodeFormData } from "./multipart";
export { Request, askedOf, isRequest } from "./request";
