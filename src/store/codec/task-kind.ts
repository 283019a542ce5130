/** What people call the asynchronous resources that Node names by their classes. */
export function kindOfTask(type: string): string {
  if (type === 'PROMISE') return 'promise'
  if (/^(?:Timeout|Immediate|TickObject)$/.test(type)) return 'timer'
  if (/DNS|ADDRINFO|NAMEINFO|QUERYWRAP/.test(type)) return 'dns'
  if (/^(?:FS|FILE|STATWATCHER)/.test(type)) return 'file'
  if (/TCP|TLS|PIPE|UDP|HTTP|SHUTDOWN|WRITEWRAP|CONNECT|QUIC|JSSTREAM/i.test(type)) return 'network'
  if (/PROCESSWRAP|SIGNALWRAP|WORKER|MESSAGEPORT/.test(type)) return 'process'
  return 'other'
}
