/** Something that the user must put right; told without a stack trace. */
export class UserError extends Error {}
