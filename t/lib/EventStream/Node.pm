# SPDX-License-Identifier: Apache-2.0
package EventStream::Node;

=head1 NAME

EventStream::Node - nodes of a cluster without httpd (t/node/node.c)

=head1 SYNOPSIS

    use EventStream::Node;
    use EventStream::Redis;

    my $redis = EventStream::Redis->start;
    my @nodes = map { EventStream::Node->start($redis->url) } 1 .. 3;
    $_->wait_synced for @nodes;
    $_->load for @nodes;
    ...
    $_->quit for @nodes;
    complain('nothing is lost', EventStream::Node::faults(@nodes));

A node has a journal in shared memory, children with the threads of src/cluster,
and one client of the journal. All that happens is in its log; the head of
t/node/node.c has the lines. Whatever happens to the test, its processes end.

=head1 METHODS

=over

=item start($url, %options)

Options as of the program (children, workers, batch, size, pause_us, acks,
lanes, ring, maxlen, timeout_ms, key, hub), clock => an object of
EventStream::Clock, its time of day, and at => a host of EventStream::Network.

=item tell($line)

A command.

=item load

All its workers publish, until tell('rest').

=item lines($kind)

The lines of the log so far, each a reference to a list of its words; of one
kind, such as 'event', or all.

=item wait_line($kind, \&condition, $seconds)

Wait for a line for which the condition is true (it gets the words). Returns
these, or nothing after so many seconds (preset: 60).

=item ask($line, $kind)

A command, and the words of the next line of this kind.

=item state

    {up, synced, lag, reconnects, entries, fills, published, unavailable, error}

=item wait_synced, wait_last($id)

Until its journal follows the stream; until it has this id, or a later one.

=item resets

How often its clients were told that events may be missing; without the reset of
its first fill.

=item publishes($count, $seconds)

Whether it publishes so many batches more within so many seconds (preset: 60).

=item fails($why)

Whether a publisher gets an error that says this (a pattern; preset: any), for a
batch of from now on.

=item pids

=item is_busy

A batch of it is begun and not answered; those of killed children do not count.

=item quit

Ends it; dies if it does not end in time. Its log stays.

=back

=head1 FUNCTIONS

=over

=item faults(@nodes)

What must never be. Of nodes that have ended:

    an event twice at a node
    two nodes that got two events in another order
    an event whose id is not above the one before (without a reset in between)
    a batch of which a part is missing without a reset
    an event that was acknowledged, is missing at a node, and there was no
    reset that told it: neither where it is missing, nor after it was published

=item in_step(@nodes)

Whether all have what the first of them has published now; it tries to, for 90
seconds.

=item acknowledged(@nodes)

[id, data, time of the begin, time of the answer] of each batch that was
published.

=back

=cut

use strict;
use warnings;

use File::Temp ();
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Process;

our @ISA = ('EventStream::Process');

sub program { return "$ENV{ES_BUILDDIR}/t/node/node" }

sub start
{
    my ($class, $url, %opt) = @_;
    my $dir = File::Temp::tempdir('es-nd-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    my $self = bless {log => "$dir/log", dir => $dir, lines => [], read => 0},
        $class;
    my ($clock, $at) = delete @opt{qw(clock at)};
    $self->owned;
    pipe my $in, my $out or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP PIPE);
        open STDIN, '<&', $in;
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', "$dir/output";
        set_clock($clock) if $clock;
        my @command = (program(), $url, $self->{log},
            map { "$_=$opt{$_}" } sort keys %opt);
        @command = $at->in(@command) if $at;
        exec('setpriv', '--pdeathsig', 'KILL', '--', @command)
            or POSIX::_exit(127);
    }
    close $in;
    $out->autoflush(1);
    @$self{qw(pid to options)} = ($pid, $out, \%opt);
    return $self;
}

my $loads = 0;

# so that no data occurs twice
sub load { $_[0]->tell('load ' . ++$loads) }

# as EventStream::Httpd does
sub set_clock
{
    my ($clock) = @_;
    my %opt = $clock->options;
    my $sanitizer = EventStream::Httpd->build('sanitize') eq 'yes'
        ? EventStream::Httpd->build('preload') : '';
    $ENV{LD_PRELOAD} = join ':', grep { length } $sanitizer, $opt{preload};
    $ENV{$_} = $opt{env}{$_} for keys %{$opt{env}};
    return;
}

sub tell
{
    my ($self, $line) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print {$self->{to}} "$line\n" or die "the node has gone: $!\n";
    return;
}

# ---- The log ---------------------------------------------------------------

sub read_log
{
    my ($self) = @_;
    open my $in, '<', $self->{log} or return;
    seek $in, $self->{read}, 0;
    while (my $line = <$in>) {
        last if $line !~ /\n\z/;
        $self->{read} += length $line;
        chomp $line;
        push @{$self->{lines}}, [split / /, $line];
    }
    return;
}

sub lines
{
    my ($self, $kind) = @_;
    $self->read_log;
    return @{$self->{lines}} if !defined $kind;
    return grep { $_->[1] eq $kind } @{$self->{lines}};
}

sub wait_line
{
    my ($self, $kind, $condition, $seconds) = @_;
    my $until = time + ($seconds || 60);
    my $at = 0;
    while (1) {
        $self->read_log;
        for (; $at < @{$self->{lines}}; $at++) {
            my $line = $self->{lines}[$at];
            return @$line if $line->[1] eq $kind
                && (!$condition || $condition->(@$line));
        }
        return if time > $until;
        sleep 0.01;
    }
    return;
}

sub ask
{
    my ($self, $line, $kind, $seconds) = @_;
    $self->read_log;
    my $from = @{$self->{lines}};
    my $until = time + ($seconds || 60);
    $self->tell($line);
    while (time < $until) {
        $self->read_log;
        for my $got (@{$self->{lines}}[$from .. $#{$self->{lines}}]) {
            return @$got if $got->[1] =~ /^(?:$kind)$/;
        }
        sleep 0.005;
    }
    die "the node does not answer: $line\n";
}

sub state
{
    my ($self) = @_;
    my (undef, undef, @values) = $self->ask('state', 'state');
    my %is;
    @is{qw(up synced lag reconnects entries fills published unavailable)} =
        splice @values, 0, 8;
    $is{error} = join ' ', @values;
    return \%is;
}

sub last_id { return ($_[0]->ask('last', 'last'))[2] }

sub is_above
{
    my ($a_ms, $a_n, $b_ms, $b_n) = map { split /-/ } @_;
    return $a_ms > $b_ms || ($a_ms == $b_ms && $a_n > $b_n);
}

sub wait_until
{
    my ($condition, $seconds) = @_;
    my $until = time + ($seconds || 60);
    while (time < $until) {
        return 1 if $condition->();
        sleep 0.02;
    }
    return 0;
}

sub wait_synced
{
    my ($self, $seconds) = @_;
    return wait_until(sub { my $is = $self->state; $is->{up} && $is->{synced} },
        $seconds);
}

sub wait_last
{
    my ($self, $id, $seconds) = @_;
    return wait_until(sub { !is_above($id, $self->last_id) }, $seconds);
}

sub resets { return scalar($_[0]->lines('reset')) - 1 }

sub publishes
{
    my ($self, $count, $seconds) = @_;
    my $before = () = $self->lines('ok');
    return wait_until(
        sub { $self->lines('ok') >= $before + $count }, $seconds);
}

sub fails
{
    my ($self, $why) = @_;
    my $before = () = $self->lines('failed');
    return wait_until(sub {
        my @failed = $self->lines('failed');
        splice @failed, 0, $before;
        return grep { !$why || "@$_" =~ $why } @failed;
    });
}

sub in_step
{
    my @nodes = @_;
    my @ok;
    wait_until(sub {
        @ok = $nodes[0]->ask('publish step' . int(rand 1e9), 'ok|failed', 60);
        return $ok[1] eq 'ok';
    }, 90) or return 0;
    return !grep { !$_->wait_last($ok[2], 60) } @nodes;
}

# number => pid of each child, as far as the log has it
sub pids
{
    my ($self) = @_;
    my %pids;
    for my $line ($self->lines) {
        $pids{$line->[2]} = $line->[3] if $line->[1] eq 'child';
        delete $pids{$line->[2]} if $line->[1] eq 'died';
    }
    return %pids;
}

sub is_busy
{
    my ($self) = @_;
    my %open;
    my %alive = reverse $self->pids;
    for my $line (@{$self->{lines}}) {
        my ($kind, @words) = @$line[1 .. $#$line];
        $open{$words[0]} = 1 if $kind eq 'begin';
        delete $open{$words[3]} if $kind =~ /^(?:ok|failed)$/;
    }
    return scalar grep { !/-(\d+)\.\d+-\d+$/ || $alive{$1} } keys %open;
}

# ---- The end ---------------------------------------------------------------

sub reap
{
    my ($self, $seconds) = @_;
    my $until = time + $seconds;
    while ($self->{pid} && time < $until) {
        delete $self->{pid} if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        sleep 0.01 if $self->{pid};
    }
    return !$self->{pid};
}

sub kill_all
{
    my ($self) = @_;
    my $pid = $self->{pid} or return;
    # its children end with it
    CORE::kill('KILL', $pid);
    $self->reap(10);
    return;
}

sub at_end
{
    my ($self) = @_;
    $self->kill_all;
    return;
}

sub quit
{
    my ($self) = @_;
    return if !$self->{pid};
    $self->tell('quit');
    my $is_over = $self->reap(60);
    $self->kill_all;
    die "a node does not end\n" if !$is_over;
    return;
}

# ---- What must never be ----------------------------------------------------

sub acknowledged
{
    my %begun;
    my @all;
    for my $node (@_) {
        for my $line ($node->lines) {
            my ($time, $kind) = @$line;
            $begun{$line->[2]} = $time if $kind eq 'begin';
            push @all, [$line->[2], $line->[5], $begun{$line->[5]} || 0, $time]
                if $kind eq 'ok' && defined $begun{$line->[5]};
        }
    }
    return @all;
}

# What a client of the node got: [time, id, data], id undef = a reset. The reset
# of the first fill is none: there was nothing before.
sub received
{
    my ($node) = @_;
    my @all;
    for my $line ($node->lines) {
        push @all, [$line->[0], @$line[2, 3]] if $line->[1] eq 'event';
        push @all, [$line->[0], undef] if $line->[1] eq 'reset';
    }
    return @all;
}

sub own_faults
{
    my ($name, $batch, @got) = @_;
    my (@faults, %seen, $before, $open);
    for my $one (@got) {
        my (undef, $id, $data) = @$one;
        if (!defined $id) {
            undef $before;
            undef $open;
            next;
        }
        push @faults, "$name got $data twice" if $seen{$data}++;
        push @faults, "$name got $data, whose id $id is not above $before"
            if defined $before && !is_above($id, $before);
        $before = $id;
        my ($text, $number) = $data =~ /^(.*)\.(\d+)$/ or next;
        next if !defined $open && $number != 0 && $batch == 1;
        push @faults, "$name got $data, but not all of $open->[0]"
            if $open && ($open->[0] ne $text || $open->[1] != $number);
        $open = $number == $batch - 1 ? undef : [$text, $number + 1];
    }
    return @faults;
}

sub order_faults
{
    my ($name, $ids, @got) = @_;
    my @faults;
    for my $one (grep { defined $_->[1] } @got) {
        my ($id, $data) = @$one[1, 2];
        $ids->{$data} = $id if !defined $ids->{$data};
        push @faults, "$name got $data as $id, another node as $ids->{$data}"
            if $ids->{$data} ne $id;
    }
    return @faults;
}

# Was it told that something is missing where this id should be, or later than
# the publisher began?
sub is_told
{
    my ($got, $id, $begun) = @_;
    return 1 if grep { !defined $_->[1] && $_->[0] > $begun } @$got;
    my ($low, $reset);
    for my $one (@$got) {
        if (!defined $one->[1]) {
            $reset = 1;
        } elsif (is_above($one->[1], $id)) {
            return $reset;
        } else {
            undef $reset;
        }
    }
    return $reset;
}

sub missing_faults
{
    my ($name, $batch, $acknowledged, @got) = @_;
    my %has = map { defined $_->[1] ? ($_->[2] => 1) : () } @got;
    my @faults;
    for my $one (@$acknowledged) {
        my ($id, $data, $begun) = @$one;
        my @lost = grep { !$has{$_} && !$has{$data} }
            $batch > 1 ? map { "$data.$_" } 0 .. $batch - 1 : "$data.0";
        push @faults, "$name has not got $lost[0] ($id)"
            if @lost && !is_told(\@got, $id, $begun);
    }
    return @faults;
}

sub faults
{
    my (@nodes) = @_;
    my @acknowledged = acknowledged(@nodes);
    my (@faults, %ids);
    my $number = 0;
    for my $node (@nodes) {
        my $name = 'node ' . ++$number;
        my $batch = $node->{options}{batch} || 1;
        my @got = received($node);
        push @faults, own_faults($name, $batch, @got),
            order_faults($name, \%ids, @got),
            missing_faults($name, $batch, \@acknowledged, @got);
        push @faults, map { "$name: @$_" }
            grep { $_->[1] =~ /^hangs$/ } $node->lines;
    }
    return @faults;
}

1;
