import type { Random } from './random.ts';

/** What end users ask, by feature. `{n}` is a number. */
const questions: Readonly<Record<string, readonly string[]>> = {
  checkout: [
    'My card was declined for order {n}, but the money is gone. What now?',
    'Can I use two coupons on one order?',
    'Why is shipping to Zürich {n} EUR?',
    '支払い方法を変更したいのですが、注文番号は {n} です。',
    'Change the delivery address of order {n} to Calle de Alcalá 41, Madrid',
  ],
  search: [
    'waterproof hiking boots under {n} euros, wide fit',
    'gift for a 7 year old who likes dinosaurs 🦕',
    'something like the blue lamp I looked at last week',
    'laufschuhe herren größe {n} für asphalt',
    '防水的登山包，{n} 升左右',
  ],
  support: [
    'Where is order {n}? The tracking page says nothing since Tuesday.',
    'I was charged twice for invoice {n}. Please refund one of them.',
    'The zipper broke after {n} days 😡 I want a replacement',
    'How do I delete my account and everything that you know about me?',
    'لم يصل طلبي رقم {n} حتى الآن',
  ],
  docs: [
    'How do I rotate an API key without downtime?',
    'What is the rate limit of the export endpoint, is it {n} per minute?',
    'Show me a minimal webhook receiver in Python',
    'Difference between soft delete and archive?',
  ],
  codereview: [
    'Review the diff of pull request {n}: focus on concurrency',
    'Is this regular expression safe? /^(a+)+${n}/',
    'Suggest tests for the retry logic in upload.ts',
  ],
  analytics: [
    'Weekly revenue by country for the last {n} weeks, as a table',
    'Which cohort churned most in week {n}?',
    'Write SQL: top {n} customers by margin, without refunds',
  ],
};

const answers = [
  'I found the order. It left our warehouse yesterday and should arrive within two working days.\n\n**What you can do now**\n\n1. Follow the parcel under *Orders → Tracking*.\n2. Tell us if the address is wrong.\n\n> Refunds take up to five days to show on your statement.',
  'Here is a minimal version:\n\n```python\nfrom flask import Flask, request\n\napp = Flask(__name__)\n\n@app.post("/webhooks")\ndef receive():\n    event = request.get_json()\n    print(event["type"])  # handle it in a queue, answer at once\n    return "", 204\n```\n\nAnswer within **5 seconds**, or the delivery is tried again.',
  '| Country | Revenue | Change |\n| --- | ---: | ---: |\n| Germany | 182,400 € | +4.1 % |\n| Japan | 151,020 € | +9.8 % |\n| Brazil | 77,300 € | −2.0 % |\n\nJapan grew fastest, mostly from returning customers.',
  '```sql\nSELECT c.id, c.name, sum(o.margin) AS margin\nFROM customers c JOIN orders o ON o.customer_id = c.id\nWHERE o.refunded_at IS NULL\nGROUP BY c.id, c.name\nORDER BY margin DESC\nLIMIT 10;\n```\n\nRefunded orders are left out by the `WHERE` clause.',
  'ご連絡ありがとうございます。お支払い方法は「マイページ → お支払い」から変更できます。変更後、注文は自動的に再処理されます。🙏',
  'Yes, but only one of them may be a percentage:\n\n- `WELCOME10` works with free shipping\n- `WELCOME10` and `SUMMER15` together do **not** work\n\nThe better one is applied for you.',
  'The lock is taken after the check, so two requests can both pass it:\n\n```ts\nif (!this.running) {        // both see false\n  await this.prepare();     // both wait here\n  this.running = true;      // too late\n}\n```\n\nSet the flag before the first `await`, or keep the promise.',
];

export const systemPrompt =
  'You are the assistant of Acme, an online shop. Answer in the language of the customer, briefly and kindly. ' +
  'Never promise a refund that the tools did not confirm. Use Markdown for lists, tables and code.';

export function question(random: Random, feature: string): string {
  const text = random.pick(questions[feature] ?? questions['support'] ?? []);
  return text.replace('{n}', String(random.int(2, 98_765)));
}

export function answer(random: Random): string {
  return random.pick(answers);
}

export function toolArguments(random: Random, tool: string): Record<string, unknown> {
  return {
    tool,
    id: random.int(1000, 99_999),
    filters: { country: random.pick(['DE', 'JP', 'BR']), active: true },
  };
}

export function toolResult(random: Random): Record<string, unknown> {
  const rows = Array.from({ length: random.int(1, 4) }, () => ({
    sku: `A-${random.int(100, 999)}`,
    price: random.int(5, 400),
    note: random.pick(['in stock', '3 left', '在庫あり', 'discontinued']),
  }));
  return { status: 'ok', rows };
}

/** Content that a console must show as text and nothing else. */
export function hostileTexts(): readonly (readonly [name: string, text: string])[] {
  const nested = (depth: number) => `${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}`;
  return [
    ['markup', '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'"><svg/onload=alert(1)>'],
    ['remote image', '![pixel](https://tracker.invalid/p.gif?c=1) and [a link](javascript:alert(1)) and <iframe src="https://tracker.invalid"></iframe>'],
    ['bidirectional', 'invoice \u202egpj.exe\u202c \u2066hidden\u2069 \u200b\u200d zero width, nul \u0000 and bell \u0007'],
    ['one long line', 'lorem-ipsum '.repeat(87_382)],
    ['deep', nested(3000)],
    ['escapes', '\u001b[31mred\u001b[0m \u001b]8;;https://tracker.invalid\u0007link\u001b]8;;\u0007 {{7*7}} ${7*7} "; DROP TABLE spans; --'],
  ]; // prettier-ignore
}
