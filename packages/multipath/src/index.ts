export { described, describedError, silencedPromise } from "./described.js";
export type { Member } from "./member.js";
export type { PathTeamOptions, PathTeamParts } from "./options.js";
export { PathTeam } from "./team.js";
