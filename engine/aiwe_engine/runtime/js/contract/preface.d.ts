/**
 * The JavaScript contract of aiwe: every global that a cell, a script or an AI assistant may use. It is
 * read without the DOM library. A program may declare a name that stands here: the program's own
 * wins, and the editor does not complain of it.
 *
 * Three rules hold everywhere:
 *  1. Host calls are promises. A handler that forgets to `await` a call of data, auth or messages is still
 *     correct: the engine settles these before it answers, and one that fails without anybody looking
 *     turns the answer into that error. Writes issued from one handler run in the order issued. A fetch
 *     or a timer that nobody awaits is dropped with the answer, with a hint that names `schedule` and `messages`.
 *  2. Errors are `Error` objects with `name`, `message`, `code` (stable, snake_case) and, where
 *     there is one, `hint`: what to change. Nothing is returned as an error string.
 *  3. Registration happens while a cell or script loads, or inside `init()`. Registering from a
 *     running handler throws `registration_closed`.
 */
