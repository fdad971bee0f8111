/** What a peer sent does not have the form that its standard asks for. */
export class FormatError extends Error {
  readonly code = "ISCSI_FORMAT_INVALID";

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}
