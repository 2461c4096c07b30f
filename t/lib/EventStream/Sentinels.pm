# SPDX-License-Identifier: Apache-2.0
package EventStream::Sentinels;

=head1 NAME

EventStream::Sentinels - sentinels that watch the brokers of a test

=head1 SYNOPSIS

    my $primary = EventStream::Redis->start;
    my $replica = EventStream::Redis->start(replica_of => $primary);
    my $sentinels = EventStream::Sentinels->start($primary, replicas => 1);

    $sentinels->url             # redis+sentinel://127.0.0.1:...,.../es
    $primary->kill;
    ok $sentinels->wait_for_primary($replica), 'the replica takes over';

=head1 METHODS

=over

=item start($primary, %options)

Starts them and returns when they know each other and the replicas. Options:

    count      => 3     how many they are; more than half must agree
    replicas   => 0     how many replicas they must know
    name       => 'es'  what they call the primary
    down_after => 500   milliseconds without an answer until it counts as down
    password   => '...' of the sentinels themselves; that of the primary is
                        taken from it
    tls        => 1     they speak TLS at the ports of url, with each other and
                        with the brokers, which must have tls => 1, too
    certificate => $b   what they show to clients is that of this broker;
                        preset: that of the primary, by which they know the
                        brokers and each other in any case
    at         => [...] hosts of EventStream::Network, one for each

=item url($db)

With user and password of the primary; rediss+sentinel:// if they speak TLS.

=item list

The sentinels: objects of EventStream::Redis, which may be killed.

=item primary_port

The port of the primary, as the first sentinel that answers tells it: that for
TLS if they speak TLS.

=item failover

Asks for a failover of a primary that is up.

=item wait_for_primary($broker, $seconds)

Whether all living sentinels name this broker, and it is a primary, within so
many seconds (preset: 30).

=back

=cut

use strict;
use warnings;

use EventStream::Ports;
use EventStream::Process qw(spew);
use EventStream::Redis;

our @ISA = ('EventStream::Redis');

sub start
{
    my ($class, $primary, %opt) = @_;
    my $set = bless {
        name => 'es', count => 3, down_after => 500, replicas => 0, %opt,
        primary => $primary}, 'EventStream::Sentinels::Set';
    $set->{list} = [map { $class->start_one($set, $_) }
        0 .. $set->{count} - 1];
    $set->{list}[0]->wait_for(sub { $set->know_all }, 60)
        or die "the sentinels do not find each other\n";
    return $set;
}

sub arguments { return ("$_[0]{root}/conf", '--sentinel') }

sub settings
{
    my ($self) = @_;
    my $set = $self->{set};
    my ($name, $primary) = @$set{qw(name primary)};
    my $quorum = int($set->{count} / 2) + 1;
    my @all = (
        [bind => $self->host], [port => $self->{port}], [daemonize => 'no'],
        ['protected-mode' => 'no'], [dir => $self->{root}],
        [logfile => "$self->{root}/log"],
        $self->tls_settings,
        [sentinel => "monitor $name " . $primary->host . ' '
            . $set->port_of($primary) . " $quorum"],
        [sentinel => "down-after-milliseconds $name $set->{down_after}"],
        [sentinel => "failover-timeout $name 3000"]);
    push @all, [sentinel => "auth-pass $name "
            . EventStream::Redis::quoted($primary->{password})]
        if defined $primary->{password};
    if (defined $self->{password}) {
        my $password = EventStream::Redis::quoted($self->{password});
        push @all, [requirepass => $password],
            [sentinel => "sentinel-pass $password"];
    }
    return @all;
}

sub start_one
{
    my ($class, $set, $index) = @_;
    my $primary = $set->{primary};
    my $self = $class->new(set => $set, password => $set->{password},
        at => $set->{at} && $set->{at}[$index], tls => $set->{tls},
        certificate => ($set->{certificate} || $primary)->certificate,
        peer => $primary, tls_clients => $primary->{tls_clients});
    for my $try (1 .. 5) {
        $self->{port} = free_port();
        $self->{tls_port} = free_port() if $set->{tls};
        spew("$self->{root}/conf",
            join '', map { "$_->[0] $_->[1]\n" } $self->settings);
        last if eval { $self->run; 1 };
        die $@ if $try == 5 || $self->log !~ /Address already in use/;
    }
    # A machine that stands still for two seconds must not keep a sentinel from
    # acting for half a minute; and all that they ask is asked more often. A
    # replica that has not told about itself for five pings is not promoted, and
    # is asked once a second while the primary is down.
    $self->command(qw(SENTINEL DEBUG), @$_)
        for [qw(tilt-trigger 60000)], [qw(info-period 200)],
            [qw(publish-period 200)], [qw(ask-period 200)],
            [qw(ping-period 300)];
    return $self;
}

package EventStream::Sentinels::Set;

sub url
{
    my ($self, $db) = @_;
    my $hosts = join ',',
        map { $_->host . ':' . $self->port_of($_) } $self->list;
    my $scheme = $self->{tls} ? 'rediss' : 'redis';
    my $url = "$scheme+sentinel://" . $self->{primary}->login
        . "$hosts/$self->{name}";
    return defined $db ? "$url/$db" : $url;
}

# of a broker or a sentinel
sub port_of { return $_[0]{tls} ? $_[1]->tls_port : $_[1]->port }

sub list { return @{$_[0]{list}} }

sub living { return grep { $_->is_alive } $_[0]->list }

sub fields_of
{
    my ($self, $sentinel) = @_;
    my $got = eval { $sentinel->command(qw(SENTINEL MASTER), $self->{name}) };
    return @{$got || []};
}

sub know_all
{
    my ($self) = @_;
    for my $sentinel ($self->list) {
        my %is = $self->fields_of($sentinel);
        return 0 if ($is{'num-other-sentinels'} || 0) < $self->{count} - 1
            || ($is{'num-slaves'} || 0) < $self->{replicas}
            || $is{flags} ne 'master';
    }
    return 1;
}

sub port_at
{
    my ($self, $sentinel) = @_;
    my $got = eval { $sentinel->command(
        qw(SENTINEL get-master-addr-by-name), $self->{name}) };
    return $got ? $got->[1] : 0;
}

sub primary_port
{
    my ($self) = @_;
    for my $sentinel ($self->living) {
        my $port = $self->port_at($sentinel);
        return $port if $port;
    }
    return 0;
}

sub failover
{
    my ($self) = @_;
    ($self->living)[0]->command(qw(SENTINEL FAILOVER), $self->{name});
    return;
}

sub wait_for_primary
{
    my ($self, $broker, $seconds) = @_;
    return $broker->wait_for(sub {
        return 0 if grep { $self->port_at($_) != $self->port_of($broker) }
            $self->living;
        my $role = eval { $broker->command('ROLE') } || [''];
        return $role->[0] eq 'master';
    }, $seconds || 30);
}

1;
