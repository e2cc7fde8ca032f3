/** URLPattern. */
import { URLPattern } from "urlpattern-polyfill/urlpattern";

__I.webidl.markPlatform(URLPattern);
export { URLPattern };
