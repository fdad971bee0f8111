/** RFC 7143, 11.2.1.2: the low six bits of a PDU's first byte. */
export const Opcode = {
  NopOut: 0x00,
  ScsiCommand: 0x01,
  TaskManagementRequest: 0x02,
  LoginRequest: 0x03,
  TextRequest: 0x04,
  DataOut: 0x05,
  LogoutRequest: 0x06,
  SnackRequest: 0x10,
  NopIn: 0x20,
  ScsiResponse: 0x21,
  TaskManagementResponse: 0x22,
  LoginResponse: 0x23,
  TextResponse: 0x24,
  DataIn: 0x25,
  LogoutResponse: 0x26,
  ReadyToTransfer: 0x31,
  AsyncMessage: 0x32,
  Reject: 0x3f,
} as const;

/** Bit of byte 0: the command isn't counted in CmdSN. */
export const IMMEDIATE = 0x40;

/** Byte 1; which of them a PDU knows depends on its opcode. */
export const Flag = {
  /** Last PDU of a sequence, and always set where there is none. */
  Final: 0x80,
  /** SCSI Command: expects Data-In. */
  Read: 0x40,
  /** SCSI Command: expects Data-Out. */
  Write: 0x20,
  /** SCSI Command: task attribute SIMPLE. */
  Simple: 0x01,
  /** Data-In: wants a SNACK acknowledge; error recovery levels 1 and 2 only. */
  Acknowledge: 0x40,
  /** Data-In: carries the status of the command. */
  Status: 0x01,
  /** SCSI Response, Data-In: residual count holds what did not fit. */
  Overflow: 0x04,
  /** SCSI Response, Data-In: residual count holds what is missing. */
  Underflow: 0x02,
  /** Login: ready to go to the stage in NSG. */
  Transit: 0x80,
  /** Login, Text: the text goes on in the next PDU. */
  Continue: 0x40,
} as const;

/** Login stages; CSG stands in bits 2–3 of byte 1, NSG in bits 0–1. */
export const Stage = { Security: 0, Operational: 1, FullFeature: 3 } as const;

/** Task and transfer tag that means none. */
export const NO_TAG = 0xffffffff;

/** Byte 1 of a Task Management Request, without Final. */
export const TaskFunction = {
  AbortTask: 1,
  AbortTaskSet: 2,
  ClearAca: 3,
  ClearTaskSet: 4,
  LunReset: 5,
  TargetWarmReset: 6,
  TargetColdReset: 7,
  TaskReassign: 8,
} as const;

/** Byte 2 of a Task Management Response. */
export const TaskResponse = {
  Complete: 0,
  NoTask: 1,
  NoLun: 2,
  StillAllegiant: 3,
  ReassignUnsupported: 4,
  Unsupported: 5,
  Unauthorized: 6,
  Rejected: 255,
} as const;

/** Byte 1 of a Logout Request, without Final. */
export const LogoutReason = { CloseSession: 0, CloseConnection: 1, RemoveForRecovery: 2 } as const;

/** Byte 36 of an Asynchronous Message. */
export const AsyncEvent = {
  ScsiEvent: 0,
  LogoutRequested: 1,
  ConnectionDropped: 2,
  SessionDropped: 3,
  NegotiationRequested: 4,
  AllTasksTerminated: 5,
} as const;

/** Byte 2 of a Reject. */
export const RejectReason = {
  DataDigestError: 2,
  SnackReject: 3,
  ProtocolError: 4,
  CommandNotSupported: 5,
  ImmediateReject: 6,
  TaskInProgress: 7,
  InvalidDataAck: 8,
  InvalidPduField: 9,
  OutOfResources: 10,
  NegotiationReset: 11,
  WaitingForLogout: 12,
} as const;

/** Bytes 36 and 37 of a Login Response, as class << 8 | detail. */
export const LoginStatus = {
  Success: 0x0000,
  MovedTemporarily: 0x0101,
  MovedPermanently: 0x0102,
  InitiatorError: 0x0200,
  AuthenticationFailure: 0x0201,
  AuthorizationFailure: 0x0202,
  NotFound: 0x0203,
  TargetRemoved: 0x0204,
  UnsupportedVersion: 0x0205,
  TooManyConnections: 0x0206,
  MissingParameter: 0x0207,
  CannotIncludeInSession: 0x0208,
  SessionTypeUnsupported: 0x0209,
  SessionDoesNotExist: 0x020a,
  InvalidDuringLogin: 0x020b,
  TargetError: 0x0300,
  ServiceUnavailable: 0x0301,
  OutOfResources: 0x0302,
} as const;
