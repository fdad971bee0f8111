export type { Member } from "./member.js";
export { PathTeam, type PathTeamOptions, type PathTeamParts } from "./team.js";
