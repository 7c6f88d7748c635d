import { Card } from '../ui/card.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Empty } from '../ui/states.tsx';

/** What to give to an auditor. */
export function Keys({ name, vkeys }: { readonly name: string | null; readonly vkeys: readonly string[] }) {
  return (
    <Card title="Verifier keys">
      {vkeys.length === 0 ? (
        <Empty title="No key yet">The first is made when the first leaf is sealed.</Empty>
      ) : (
        <div className="grid gap-2 p-4 pt-1">
          <p className="text-muted">
            Give these to whoever is to check the record of {name}, by another way than this page. The newest
            signs; with the older ones older checkpoints are checked.
          </p>
          <ul className="grid gap-1.5">
            {vkeys.map((vkey) => (
              <li key={vkey} className="flex items-start gap-1 rounded-md bg-raised px-2.5 py-1.5">
                <code className="foreign min-w-0 grow font-mono text-xs leading-6">{vkey}</code>
                <CopyButton text={vkey} label="Copy verifier key" />
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}
