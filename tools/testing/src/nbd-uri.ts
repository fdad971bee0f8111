/** `nbd+unix:///name?socket=/path`, as libnbd, QEMU and fio take it. */
export function nbdUri(socket: string, exportName: string): string {
  return `nbd+unix:///${encodeURIComponent(exportName)}?socket=${socket}`;
}
