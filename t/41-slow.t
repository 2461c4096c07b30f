#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Clients that read slowly, or never: others are not kept waiting, and what
# they read is whole and in order, or ends.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

# Small buffers of the kernel, so that few events fill them.
my $httpd = EventStream::Httpd->start(
    modules => ['status'], files => {'page.txt' => "a page\n"},
    conf => status_conf() . <<'CONF');
SendBufferSize 65536
EventStreamHub default size=32m
EventStreamHub small size=1m
<LocationMatch "^/(events|hasty)$">
    SetHandler eventstream
    EventStreamChannel news
</LocationMatch>
<Location "/hasty">
    EventStreamSendTimeout 1
</Location>
<Location "/small">
    SetHandler eventstream
    EventStreamUseHub small
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/publish/small">
    EventStreamUseHub small
</Location>
CONF

# Data of nearly 64 KB that begins with its number and tells if it is torn.
sub big
{
    my ($number) = @_;
    return sum(join ' ', $number, ($number . 'abcdefgh') x 5500);
}

sub number_of
{
    my ($event) = @_;
    return $event->{data} =~ /\A(\d+) / ? $1 : -1;
}

sub is_whole
{
    my ($event) = @_;
    return checked($event) && $event->{data} eq big(number_of($event));
}

sub slow
{
    my ($path) = @_;
    my $client = subscribe($httpd, $path, rcvbuf => 4096);
    is $client->next_event(5)->{event}, 'stream-open', "slow at $path";
    return $client;
}

# ---- One that never reads --------------------------------------------------

my $never = slow('/hasty');
my @others = map { subscribe($httpd, $_) } qw(/events /hasty) x 5;
is scalar(grep { ($_->next_event(5) || {event => ''})->{event}
    eq 'stream-open' } @others), 10, 'others beside one that never reads';

my ($late, $wrong, $refused) = (0, 0, 0);
for my $number (1 .. 30) {
    my $answer = publish($httpd, 'news', big($number));
    $refused++ if $answer->{status} != 200;
    last if $refused || $late;
    for my $client (@others) {
        my $event = $client->next_event(5);
        $late++ if !$event;
        $wrong++ if $event
            && !(number_of($event) == $number && is_whole($event));
    }
}
is $refused, 0, 'publishing goes on';
is $late, 0, 'the others receive all, in time';
is $wrong, 0, '... in order, each event whole';
is wait_clients($httpd, 'news', 10, 10), 10,
    'EventStreamSendTimeout ends the one that takes nothing';
ok static_file($httpd), 'a file is served';

1 while $never->fill(2);
my @read;
while (my $event = $never->next_event(0)) {
    push @read, $event;
}
is scalar(grep { !is_whole($_) } @read), 0, 'what it was sent is whole';
is_deeply [map { number_of($_) } @read], [1 .. @read], '... and in order';
ok $never->is_cut, '... and cut: it can tell this from an end';
$_->close for @others;

# ---- Many that never read --------------------------------------------------

# Memory of the children that is theirs alone; the journal is not.
sub own_kb
{
    my $kb = 0;
    for my $pid ($httpd->children) {
        open my $in, '<', "/proc/$pid/smaps_rollup" or return;
        $kb += $_ for map { /^Anonymous: +(\d+) kB/ ? $1 : () } <$in>;
    }
    return $kb;
}

{
    my @deaf = map { subscribe($httpd, '/events', rcvbuf => 4096) } 1 .. 30;
    is wait_clients($httpd, 'news', 30, 10), 30, '30 clients that read nothing';
    publish($httpd, 'news', big($_)) for 1 .. 30; # their buffers are full now
    my $before = own_kb();
  SKIP: {
        # AddressSanitizer keeps what was freed
        skip 'no memory to look at', 1
            if !$before || EventStream::Httpd->build('sanitize') ne 'no';
        publish($httpd, 'news', big($_)) for 1 .. 200;
        # 13 MB each; what is left are httpd's pools
        cmp_ok own_kb() - $before, '<', 4096,
            '... take no memory for what they have not read';
    }
    $_->close for @deaf;
    is wait_clients($httpd, 'news', 0, 10), 0, '... and go';
}

# ---- One that catches up ---------------------------------------------------

my $lazy = slow('/events');
publish($httpd, 'news', big($_)) for 1 .. 40;
my @events = $lazy->events(40, 30);
is join(' ', map { number_of($_) } @events), join(' ', 1 .. 40),
    'a lazy client receives all, in order';
is scalar(grep { !is_whole($_) } @events), 0, '... each event whole';
publish($httpd, 'news', big(41));
is number_of($lazy->next_event(5) || {data => ''}), 41, '... and goes on live';
$lazy->close;

# ---- One that is overtaken -------------------------------------------------

# Twelve of them stop reading at different points within a frame.
my @slow = map { slow('/small') } 1 .. 12;
for my $number (1 .. 60) {
    publish($httpd, 'news', big($number), path => '/publish/small');
    if ($number % 4 == 0) {
        $slow[$_]->fill(0, 1 + 4099 * $_) for 0 .. $#slow;
    }
}
my (%end, $torn, $doubled, $gap);
for my $client (@slow) {
    my $last = 0;
    my $reset = 0;
    while (my $event = $client->next_event(3)) {
        if ($event->{event} eq 'stream-reset') {
            $reset = 1;
            $last = undef;
            next;
        }
        $torn++ if !is_whole($event);
        my $number = number_of($event);
        $doubled++ if defined $last && $number <= $last;
        $gap++ if defined $last && $number > $last + 1;
        $last = $number;
        last if $number == 60;
    }
    $end{$client->is_cut ? 'cut' : $reset ? 'reset' : 'whole'}++;
    $torn++ if $client->{bad_framing};
}
is $torn // 0, 0, 'clients that were overtaken: no event is torn';
is $doubled // 0, 0, '... none comes twice';
is $gap // 0, 0, '... none is missing unless stream-reset tells';
is $end{whole} // 0, 0, '... each is cut or told by stream-reset';
note join ', ', map { "$_: $end{$_}" } sort keys %end;

# One that was cut comes back with what it has seen: it is told.
my ($cut) = grep { $_->is_cut } @slow;
SKIP: {
    skip 'none was cut', 2 if !$cut;
    my $back = subscribe($httpd, '/small',
        headers => ['Last-Event-ID: ' . $cut->last_id]);
    $back->next_event(5);
    my $reset = $back->next_event(5) || {event => ''};
    is $reset->{event}, 'stream-reset', 'who was cut is told at its return';
    publish($httpd, 'news', big(61), path => '/publish/small');
    is number_of($back->next_event(5) || {data => ''}), 61, '... and goes on';
}
$_->close for @slow;

# ---- Hanging up ------------------------------------------------------------

for my $how (qw(close reset)) {
    my $client = subscribe($httpd, '/events');
    is wait_clients($httpd, 'news', 1, 5), 1, "one to $how";
    my $before = time;
    $how eq 'close' ? $client->close : reset_client($client);
    is wait_clients($httpd, 'news', 0, 5), 0, "... is gone";

    my $blocked = slow('/events');
    publish($httpd, 'news', big($_)) for 1 .. 10;
    is clients($httpd, 'news'), 1, "one with unread events to $how";
    $how eq 'close' ? $blocked->close : reset_client($blocked);
    is wait_clients($httpd, 'news', 0, 5), 0, "... is gone";
}
unlike $httpd->error_log, qr/:(?:error|crit|alert|emerg)\]/,
    'no error in the log';
done_testing;
