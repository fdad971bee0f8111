export { createProject, type Project, type ProjectOptions } from "./create-project.js";
export type { ProjectNames } from "./project-names.js";
