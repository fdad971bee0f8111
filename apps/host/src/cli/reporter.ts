/** For a command that another process of the command line has started. */
export function reporter<Report extends object>(): (report: Report) => Promise<void> {
  return (report) =>
    new Promise((resolve, reject) => {
      if (process.send === undefined) throw new Error("this command is called by other commands only");
      // Awaited: what loops afterwards would keep it from being sent.
      process.send(report, (error: Error | null) => (error === null ? resolve() : reject(error)));
    });
}
