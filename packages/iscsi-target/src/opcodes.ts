/** Commands that a target takes beyond those that the initiator here sends. */
export const Op = {
  StartStopUnit: 0x1b,
  PreventAllowRemoval: 0x1e,
  WriteVerify10: 0x2e,
  Verify10: 0x2f,
  Prefetch10: 0x34,
  WriteSame10: 0x41,
  Unmap: 0x42,
  Verify16: 0x8f,
  CompareAndWrite: 0x89,
  OrWrite16: 0x8b,
  WriteVerify16: 0x8e,
  Prefetch16: 0x90,
  WriteSame16: 0x93,
  MaintenanceIn: 0xa3,
  WriteVerify12: 0xae,
  Verify12: 0xaf,
} as const;
