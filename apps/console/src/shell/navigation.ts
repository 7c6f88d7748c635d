import {
  Activity,
  BookKey,
  Boxes,
  FileClock,
  FolderKanban,
  HeartPulse,
  KeyRound,
  LayoutDashboard,
  type LucideIcon,
  MessagesSquare,
  Radio,
  Rocket,
  Route,
  ScrollText,
  Tags,
  UserRound,
  Users,
} from 'lucide-react';
import type { Permission } from '@loom/api-contract';

export interface Place {
  readonly label: string;
  readonly segments: readonly string[];
  readonly icon: LucideIcon;
  /** Who may not, does not see it; the services decide. */
  readonly permission: Permission | 'operator';
}

/** Every page of a project, in the order of the side bar and the palette. */
export const places: readonly { readonly group: string; readonly places: readonly Place[] }[] = [
  {
    group: 'Observe',
    places: [
      { label: 'Overview', segments: [], icon: LayoutDashboard, permission: 'traces:read' },
      { label: 'Traces', segments: ['traces'], icon: Activity, permission: 'traces:read' },
      { label: 'Live tail', segments: ['live'], icon: Radio, permission: 'traces:read' },
      { label: 'Sessions', segments: ['sessions'], icon: MessagesSquare, permission: 'traces:read' },
      { label: 'Users', segments: ['users'], icon: UserRound, permission: 'traces:read' },
    ],
  },
  {
    group: 'Manage',
    places: [
      { label: 'API keys', segments: ['keys'], icon: KeyRound, permission: 'keys:read' },
      { label: 'Providers', segments: ['providers'], icon: Boxes, permission: 'providers:read' },
      { label: 'Models', segments: ['models'], icon: Route, permission: 'aliases:read' },
      { label: 'Prices', segments: ['prices'], icon: Tags, permission: 'prices:read' },
      { label: 'Members', segments: ['members'], icon: Users, permission: 'members:read' },
      { label: 'Projects', segments: ['projects'], icon: FolderKanban, permission: 'projects:read' },
      { label: 'Audit log', segments: ['audit'], icon: FileClock, permission: 'audit:read' },
    ],
  },
  {
    group: 'Operate',
    places: [
      { label: 'Ledger', segments: ['ledger'], icon: ScrollText, permission: 'traces:read' },
      { label: 'Health', segments: ['health'], icon: HeartPulse, permission: 'operator' },
      { label: 'First call', segments: ['start'], icon: Rocket, permission: 'traces:read' },
      { label: 'Account', segments: ['account'], icon: BookKey, permission: 'traces:read' },
    ],
  },
];
