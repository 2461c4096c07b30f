# SPDX-License-Identifier: Apache-2.0
package EventStream::Clock;

=head1 NAME

EventStream::Clock - a time of day that a test sets for the httpd that it starts

=head1 SYNOPSIS

    use EventStream::Clock;

    my $clock = EventStream::Clock->new;
    my $httpd = EventStream::Httpd->start($clock->options, conf => ...);
    $clock->step(-3600);        # an hour back, for all processes at once
    $clock->set(4294967295);    # seconds since 1970
    my $now = $clock->now;      # the time that httpd sees, in seconds

=head1 METHODS

=over

=item new

=item options

Options for EventStream::Httpd->start. Several servers may have the same clock.

=item step($seconds), set($seconds), now

=back

=cut

use strict;
use warnings;

use File::Temp ();
use Time::HiRes ();

use EventStream::Httpd;

sub new
{
    my ($class) = @_;
    my $file = File::Temp->new(TEMPLATE => 'es-clock-XXXXXX', TMPDIR => 1);
    chmod 0644, $file->filename;
    my $self = bless {file => $file}, $class;
    $self->shift_to(0);
    return $self;
}

sub options
{
    my ($self) = @_;
    return (
        preload => EventStream::Httpd::builddir()
            . '/t/clock/.libs/clockshift.so',
        env => {ES_CLOCK_FILE => $self->{file}->filename});
}

# One write of eight bytes: a reader sees the old or the new ones.
sub shift_to
{
    my ($self, $seconds) = @_;
    $self->{shift} = $seconds;
    sysseek $self->{file}, 0, 0 or die "clock: $!";
    syswrite $self->{file}, pack('q', $seconds * 1e6) or die "clock: $!";
    return;
}

sub step
{
    my ($self, $seconds) = @_;
    return $self->shift_to($self->{shift} + $seconds);
}

sub set
{
    my ($self, $seconds) = @_;
    return $self->shift_to($seconds - Time::HiRes::time());
}

sub now
{
    my ($self) = @_;
    return Time::HiRes::time() + $self->{shift};
}

1;
