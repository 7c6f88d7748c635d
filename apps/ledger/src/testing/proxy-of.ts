/** A port whose methods can be put in place of its own. */
export function proxyOf<Port extends object>(port: Port): Port {
  return new Proxy({} as Port, {
    get: (own, name) => {
      const found: unknown = Reflect.get(own, name) ?? Reflect.get(port, name);
      return typeof found === 'function' ? (found.bind(name in own ? own : port) as unknown) : found;
    },
  });
}
